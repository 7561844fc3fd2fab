"""The ways to boot a ROM, and the choice among them; each is a module with the interface in `way`."""
