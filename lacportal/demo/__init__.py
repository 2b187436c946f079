"""`make demo`: the whole portal on one machine, with a simulated Analytics Cloud. Production never imports it."""
