// A function without a body is allowed only in a package that has a file of assembly.
