"""What operators do with a running broker. Works on the brain and the accounts; knows nothing of AMQP's frames."""
