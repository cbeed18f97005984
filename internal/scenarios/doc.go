// Package scenarios holds tests only.
package scenarios
