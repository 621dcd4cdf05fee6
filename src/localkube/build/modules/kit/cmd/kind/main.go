// Command kind is kind as upstream builds it.
package main

import "sigs.k8s.io/kind/cmd/kind/app"

func main() { app.Main() }
