"""The life of a job. Each room imports only earlier ones: record, agent_judgement, lifecycle, agent_link, shop, steps,
engine, intake.
"""
