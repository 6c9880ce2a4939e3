"""Maps of places: one SQLite file is the truth, indexes are rebuildable views of it."""
