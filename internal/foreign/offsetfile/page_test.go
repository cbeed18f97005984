package offsetfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// docs/layouts.md lists every form as it is, and its example of each file is read by its reader.
func TestPage(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "layouts.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	can := map[bool]string{true: "yes", false: "no"}
	for _, f := range Forms() {
		if row := "| `" + f.Name + "` | " + can[f.Reads()] + " | " + can[f.Writes()] + " |"; !strings.Contains(page, row) {
			t.Errorf("docs/layouts.md has no row %s", row)
		}
		_, section, ok := strings.Cut(page, "\n### `"+f.Name+"`\n")
		if !ok {
			t.Errorf("docs/layouts.md has no section on %s", f.Name)
			continue
		}
		if f.Folder {
			continue
		}
		_, block, _ := strings.Cut(section, "```")
		_, block, _ = strings.Cut(block, "\n")
		block, _, _ = strings.Cut(block, "```")
		got, err := Parse(f.Name, "F", []byte(block), Options{})
		if err != nil || len(got.Entries) != 2 || got.Entries[0].Until != 183 || got.Entries[1].Until != 204 {
			t.Errorf("the example of %s: %s, %v", f.Name, told(got), err)
		}
	}
}
