package postgres

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// readNumeric is the slow twin: the value and scale of numeric's binary form, by its definition.
func readNumeric(b []byte) (value *big.Rat, scale int, err error) {
	if len(b) < 12 || int(binary.BigEndian.Uint32(b)) != len(b)-4 {
		return nil, 0, fmt.Errorf("length %d of %d bytes", binary.BigEndian.Uint32(b), len(b))
	}
	word := func(i int) int { return int(binary.BigEndian.Uint16(b[4+2*i:])) }
	n, weight := word(0), int(int16(word(1)))
	if len(b) != 12+2*n {
		return nil, 0, fmt.Errorf("%d digits in %d bytes", n, len(b))
	}
	value = new(big.Rat)
	for i := range n {
		digit := word(4 + i)
		if digit > 9999 || (i == 0 || i == n-1) && digit == 0 {
			return nil, 0, fmt.Errorf("digit %d is %d", i, digit)
		}
		power := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10000), big.NewInt(int64(max(weight-i, i-weight))), nil))
		if weight < i {
			power.Inv(power)
		}
		value.Add(value, power.Mul(power, new(big.Rat).SetInt64(int64(digit))))
	}
	if word(2) == numericNegative {
		value.Neg(value)
	}
	return value, word(3), nil
}

// decimals draws decimal texts of all shapes.
func decimals() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		s := rapid.SampledFrom([]string{"", "-", "+"}).Draw(t, "sign")
		s += rapid.StringMatching(`0{0,6}[0-9]{1,30}0{0,6}`).Draw(t, "whole")
		if rapid.Bool().Draw(t, "point") {
			s += "." + rapid.StringMatching(`0{0,9}[0-9]{0,30}0{0,6}`).Draw(t, "rest")
		}
		if rapid.Bool().Draw(t, "exponent") {
			s += fmt.Sprintf("e%d", rapid.IntRange(-40, 40).Draw(t, "e"))
		}
		return s
	})
}

func TestDecimalIsItsValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := decimals().Draw(t, "text")
		b, reason := appendDecimal(nil, []byte(s))
		if reason != "" {
			t.Fatalf("%q %s", s, reason)
		}
		got, scale, err := readNumeric(b)
		if err != nil {
			t.Fatalf("%q makes % x: %v", s, b, err)
		}
		want, ok := new(big.Rat).SetString(strings.TrimPrefix(s, "+"))
		if !ok {
			t.Fatalf("the twin does not read %q", s)
		}
		if got.Cmp(want) != 0 {
			t.Fatalf("%q: got %s, want %s", s, got, want)
		}
		mantissa, exponent, _ := strings.Cut(s, "e")
		_, rest, _ := strings.Cut(mantissa, ".")
		e := 0
		fmt.Sscan(exponent, &e)
		if want := max(0, len(rest)-e); scale != want {
			t.Fatalf("%q: got scale %d, want %d", s, scale, want)
		}
	})
}

func TestNoDecimal(t *testing.T) {
	for _, s := range []string{"", "-", "+", ".", "e5", "1e", "1e+", "1x", "1.2.3", " 1", "1 ", "0x10", "1_000", "NaN", "١", "1e-16384", "1e131072", "--1"} {
		if _, reason := appendDecimal(nil, []byte(s)); reason == "" {
			t.Errorf("%q passes for a decimal", s)
		}
	}
	for _, s := range []string{"1.", ".5", "0e999999", "1e131071"} {
		if _, reason := appendDecimal(nil, []byte(s)); reason != "" {
			t.Errorf("%q %s", s, reason)
		}
	}
}
