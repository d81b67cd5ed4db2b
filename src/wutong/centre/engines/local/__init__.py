"""The local engine: one small agent a machine that outlives the control plane, and a client of it. It knows neither money nor the database."""
