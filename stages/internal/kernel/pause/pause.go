package pause

// Spin lets some ten nanoseconds, times times, go by. It does not yield to the
// scheduler, so times stays small.
func Spin(times int) {
	if times > 0 {
		spin(times)
	}
}
