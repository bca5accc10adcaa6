"""What bodies of the Nova-compatible API may hold."""
