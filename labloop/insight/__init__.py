"""What the experiments of a campaign say, with intervals, and what they cannot say."""
