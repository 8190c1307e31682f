//go:build tools

package gotools

import (
	_ "github.com/compose-spec/compose-go/v2/cmd"
	_ "github.com/yannh/kubeconform/cmd/kubeconform"
)
