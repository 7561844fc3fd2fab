"""One report on this computer, the phone and its backups, and what to do next. It changes nothing."""
