"""The real API server and ours, asked the same things."""
