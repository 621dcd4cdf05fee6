"""What runs in the pod of a run. Reaches the gateway only; never executes anything of the repository itself."""
