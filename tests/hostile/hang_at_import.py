"""An endless loop at the top level that swallows every exception. Times out."""

while True:
    try:
        while True:
            pass
    except BaseException:
        pass
