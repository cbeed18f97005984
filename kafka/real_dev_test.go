package kafka

import (
	"os"
	"testing"
)

func init() {
	if a := os.Getenv("KDEV"); a != "" {
		clusters["kafka"] = func(*testing.T) []string { return []string{a} }
	}
}
