"""The sentiment application: texts, trends, alerts, and news that are sent."""
