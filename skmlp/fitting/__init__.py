"""From choices and data to trained networks, one or many at once; no estimator is seen here."""
