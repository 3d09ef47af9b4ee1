"""What is checked of a staged package before it is loaded."""
