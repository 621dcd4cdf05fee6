//go:build tools

// Package tools names the commands that are built as their modules bring them, so that go.sum holds what they need.
package tools

import (
	_ "github.com/nats-io/nats-server/v2"
	_ "helm.sh/helm/v3/cmd/helm"
)
