package text

import "path/filepath"

// Absolute is a path from the root: where a file is missing, the folder that it was looked for in is half of the answer.
func Absolute(path string) string {
	if whole, err := filepath.Abs(path); err == nil {
		return whole
	}
	return path
}
