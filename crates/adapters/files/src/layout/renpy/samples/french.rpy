# game/script.rpy:7
translate french start_4efa6eb0:

    # m "Hello there."
    m "Bonjour."

# game/script.rpy:8
translate french start_5f0a0b0c_1:

    # nvl clear
    # m happy "You are \"late\"."
    nvl clear
    m happy "Tu es \"en retard\"." # hm

translate french strings:

    # game/script.rpy:2
    old "Mira"
    new "Mira"

    # state: draft
    old "Up the\nstairs"
    new ""

translate french python:
    gui.text_font = "x.ttf"
