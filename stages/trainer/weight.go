package trainer

import "github.com/pathline/pathline/stages/path"

// Weight is the weight of an example in the loss: a function of the path's
// coefficients at its time, and of what is predicted. nil weighs all alike.
//
// Predictions of an affine path are linear in each other for a given x_t
// (path.Convert), so an error of one is k times an error of another, and weights
// compare losses: the weight k² makes the loss of what a network predicts that of
// another prediction. At singular ends k is what path.Convert says.
type Weight func(c path.Coef, target path.Prediction) float64

// Measured weighs an error of the target as the error of another prediction that it
// makes. Of noise: this is the loss of Ho et al., "Denoising diffusion probabilistic
// models", 2020, equation 14, and denoising score matching weighted by sigma² (Song
// and Ermon, 2019, equation 6).
func Measured(as path.Prediction) Weight {
	return func(c path.Coef, target path.Prediction) float64 { return factor(c, target, as) }
}

// MinSNR is the weight of Hang et al., "Efficient diffusion training via min-SNR
// weighting strategy", ICCV 2023, equation 8: min(SNR, gamma) of an error of the data,
// with SNR = alpha²/sigma². Of an error of the noise that is min(SNR, gamma)/SNR, of a
// velocity on the straight path min(t², gamma (1-t)²). They take gamma = 5.
func MinSNR(gamma float64) Weight {
	return func(c path.Coef, target path.Prediction) float64 {
		// SNR times an error of the data squared is an error of the noise squared.
		return min(factor(c, target, path.Noise), gamma*factor(c, target, path.Data))
	}
}

// factor is how many times the square of an error of one prediction another's is.
func factor(c path.Coef, from, to path.Prediction) float64 {
	_, k := path.Convert(c, from, to)
	return k * k
}
