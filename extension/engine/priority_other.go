//go:build !linux

package engine

import "errors"

func claimRealTime() error { return errors.ErrUnsupported }
