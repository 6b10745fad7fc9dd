"""Transforms: a DataFrame in, a DataFrame out, and the array arithmetic inside them."""
