package jit

import "github.com/klauspost/cpuid/v2"

// Features are extensions of x86-64 that the code may use.
type Features struct {
	BMI2 bool // shlx, shrx, sarx, rorx: shifts of any register by any, into any
}

// HostFeatures are those of the processor this runs on.
func HostFeatures() Features {
	return Features{BMI2: cpuid.CPU.Supports(cpuid.BMI2)}
}
