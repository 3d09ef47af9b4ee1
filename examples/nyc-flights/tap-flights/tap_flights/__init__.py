"""A Singer tap for flights that left New York City, read from one CSV file per month."""
