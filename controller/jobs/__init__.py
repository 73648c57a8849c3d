"""The life of a job in packages: lifecycle, agent_link, shop, steps, engine, intake; each imports only earlier ones."""
