package main

import "testing"

func TestO1ParkedByTheSink(t *testing.T) { runCase(t, "o1") }

func TestH1TwoFilesOneGroup(t *testing.T) { runCase(t, "h1") }

func TestO20SkipsAndPeeks(t *testing.T) { runCase(t, "o20") }

func TestO21ATopicIsLeftBehind(t *testing.T) { runCase(t, "o21") }

func TestO19ALostRowAndOneSetBack(t *testing.T) { runCase(t, "o19") }

func TestH7AVerdictIsNoCode(t *testing.T) { runCase(t, "h7") }
