name "bare"
