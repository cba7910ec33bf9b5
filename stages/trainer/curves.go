package trainer

// Curves are what a report draws of a training.
type Curves struct {
	Points []Point `json:"points"`
}

// drawn is about how many points a curve is drawn from.
const drawn = 2000

// thin leaves out points that a picture would not show. Those with a validation
// stay.
func thin(points []Point) []Point {
	every := (len(points) + drawn - 1) / drawn
	if every <= 1 {
		return points
	}
	var out []Point
	for i, p := range points {
		if i%every == 0 || i == len(points)-1 || p.Validation != nil {
			out = append(out, p)
		}
	}
	return out
}
