"""Tables as they come: columns of numbers and categories, with holes, as the inputs of a network."""
