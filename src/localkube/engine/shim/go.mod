module localkube.invalid/shim

go 1.21
