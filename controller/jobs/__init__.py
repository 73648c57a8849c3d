"""The life of a job, in rooms: lifecycle, agent_link, shop, steps, engine, intake; each knows only those before it."""
