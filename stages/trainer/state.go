package trainer

import (
	"errors"

	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/optim"
)

// ErrStopped says that a training ended early because Options.Stop was closed;
// its state has been saved.
var ErrStopped = errors.New("trainer: stopped before the last step")

// State is what a training needs to go on as if it had never stopped. Random
// numbers have no state: the step says it all.
type State struct {
	Step   int64   `json:"step"` // steps that are done
	Rows   Cursor  `json:"rows"` // the next row
	Points []Point `json:"points"`

	// Of the steps since the last point.
	Since    int64   `json:"since"`
	LossSum  float64 `json:"loss_sum"`
	NormSum  float64 `json:"norm_sum"`
	LastLoss float64 `json:"last_loss"`

	Transport Transport `json:"transport"`

	// Of the validations so far: the last and the least.
	Validation   *float64 `json:"validation"`
	ValidationSE *float64 `json:"validation_se"`
	Best         *float64 `json:"best"`
	BestStep     int64    `json:"best_step"`

	Weights   []model.Tensor `json:"-"`
	Optimizer []optim.State  `json:"-"`
	Average   []optim.State  `json:"-"` // empty without EMA
	Kept      [][]float32    `json:"-"` // of the best validation, in the order of Weights; nil without patience
}
