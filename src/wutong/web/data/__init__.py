"""Pages of data sets, models, code and what jobs left: looking for them, filling them, looking into their versions, dividing them."""
