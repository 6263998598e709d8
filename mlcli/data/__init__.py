"""Files to a typed `Dataset`, and the contract that its columns keep."""
