"""Device trees, overlays, and the tables that hold several."""
