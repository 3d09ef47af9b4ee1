"""The type contract: one fixture through both engines into both destinations."""
