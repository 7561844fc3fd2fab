"""Boot images of every kind, the headers in front of them, and the signatures behind them."""
