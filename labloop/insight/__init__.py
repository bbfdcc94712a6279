"""What the experiments of a campaign say and cannot say, and what its predictions were worth."""
