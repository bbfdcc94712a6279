"""What a campaign's numbers say about the campaign itself: forecasts judged, winners confirmed."""
