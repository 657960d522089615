"""The life of a task's models: trained, evaluated, promoted, rolled back, searched for."""
