"""Kafka behind the consumer and the producer."""
