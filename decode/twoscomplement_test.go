package decode

import (
	"bytes"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestTwosComplement(t *testing.T) {
	for _, c := range []struct {
		hex   string
		scale int
		want  string
	}{
		{"", 2, "0.00"}, {"00", 0, "0"}, {"80", 2, "-1.28"}, {"ff80", 2, "-1.28"}, {"ffffffffffffffffffff80", 2, "-1.28"},
		{"04d2", 2, "12.34"}, {"04d2", 0, "1234"}, {"04d2", 6, "0.001234"}, {"05", -2, "500"}, {"00", -2, "0"},
		{"7fffffffffffffff", 0, "9223372036854775807"}, {"8000000000000000", 0, "-9223372036854775808"},
		{"008000000000000000", 0, "9223372036854775808"}, {"ff7fffffffffffffff", 0, "-9223372036854775809"},
		{"ffffffffffffffff00000000000000000000", 0, "-1208925819614629174706176"},
	} {
		b, err := hex.DecodeString(c.hex)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := AppendTwosComplement([]byte("x"), b, c.scale); !ok || string(got) != "x"+c.want {
			t.Errorf("%s with scale %d: got %s, %t, want x%s", c.hex, c.scale, got, ok, c.want)
		}
	}
}

// Debezium writes numeric(5,-2) so: 12300 with 2,046 zeros behind the point, in 852 bytes.
func TestTwosComplementOfANumericWithANegativeScale(t *testing.T) {
	n := new(big.Int).Mul(big.NewInt(12300), new(big.Int).Exp(big.NewInt(10), big.NewInt(2046), nil))
	if len(n.Bytes()) != 852 {
		t.Fatalf("it has %d bytes, want 852", len(n.Bytes()))
	}
	if got, ok := AppendTwosComplement(nil, n.Bytes(), 2046); !ok || string(got) != "12300" {
		t.Errorf("got %s, %t, want 12300", got, ok)
	}
	if got, ok := AppendTwosComplement(nil, n.Add(n, big.NewInt(1)).Bytes(), 2046); ok {
		t.Errorf("with a one at the end: got %d bytes, want that it does not fit", len(got))
	}
}

func TestTwosComplementOfManyBytes(t *testing.T) {
	for _, n := range []int{maxUnscaled, maxUnscaled + 1, 1 << 20} {
		b := bytes.Repeat([]byte{0x55}, n)
		if _, ok := AppendTwosComplement(nil, b, 0); ok {
			t.Errorf("%d bytes fit", n)
		}
	}
	if got, ok := AppendTwosComplement(nil, append(make([]byte, 1<<20), 7), 0); !ok || string(got) != "7" {
		t.Errorf("a million zeros before a 7: got %s, %t", got, ok)
	}
}

// Its twin is math/big.
func TestTwosComplementHasATwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 0, 60).Draw(t, "bytes")
		if rapid.Bool().Draw(t, "sign") {
			b = append(bytes.Repeat([]byte{0xff}, rapid.IntRange(0, 9).Draw(t, "of")), b...)
		}
		scale := rapid.IntRange(-30, 200).Draw(t, "scale")
		n := new(big.Int).SetBytes(b)
		if len(b) > 0 && b[0] >= 0x80 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
		}
		want := n.String()
		if scale < 0 && n.Sign() != 0 {
			want += strings.Repeat("0", -scale)
		}
		if scale > 0 {
			digits := new(big.Int).Abs(n).String()
			digits = strings.Repeat("0", max(scale+1-len(digits), 0)) + digits
			want = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
			if n.Sign() < 0 {
				want = "-" + want
			}
		}
		if got, ok := AppendTwosComplement(nil, b, scale); !ok || string(got) != want {
			t.Fatalf("%x with scale %d: got %s, %t, want %s", b, scale, got, ok, want)
		}
	})
}

func TestTwosComplementAllocatesNothing(t *testing.T) {
	short, long := []byte{0x80, 1}, bytes.Repeat([]byte{0x93}, 40)
	dst := make([]byte, 0, 400)
	if n := testing.AllocsPerRun(100, func() {
		dst, _ = AppendTwosComplement(dst[:0], short, 2)
		dst, _ = AppendTwosComplement(dst[:0], long, 9)
	}); n != 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}
