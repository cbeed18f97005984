// Package engine is the motion.
package engine
