"""What images are made of, read without trusting who made it.

Pure: bytes in, values out. Knows neither Glance nor the database.
"""
