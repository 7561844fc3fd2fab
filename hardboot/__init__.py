"""hardboot: boot any Android boot image on a rooted phone, from RAM, after a real hardware reset."""

__version__ = "0.1.0"
