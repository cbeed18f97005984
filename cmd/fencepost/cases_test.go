package main

import "testing"

func TestO1ParkedByTheSink(t *testing.T) { runCase(t, "o1") }
