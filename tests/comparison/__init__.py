"""What happens in plain Meltano, in plain dlt and here: each cell of the README's table."""
