"""What the scores are held against."""
