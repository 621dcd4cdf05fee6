"""The product on a local cluster with stand-ins for GitHub and the vendor, and a run that is worth watching."""
